class HybridWorkflow:
    """Combine Code Interpreter with local notebook execution"""
    
    def __init__(self, openai_client, notebook_cli):
        self.openai = openai_client
        self.notebook_cli = notebook_cli
    
    async def analyze_excel(self, file_path):
        # Step 1: Quick exploration with Code Interpreter
        exploration = await self._explore_with_api(file_path)
        
        # Step 2: Detailed local analysis based on exploration
        analysis_plan = self._extract_analysis_plan(exploration)
        
        # Step 3: Execute detailed analysis locally
        notebook = await self.notebook_cli.create_analysis_notebook(
            file_path,
            plan=analysis_plan
        )
        
        # Step 4: Generate final report with Code Interpreter
        report = await self._generate_report(notebook, exploration)
        
        return report
